"""xinren (信任): is a post genuine sharing or broadcasting, how do people feel, and which authors have earned trust?

The map, top to bottom; imports point down only:

    cli, flows                  the doors: a shell command, a Prefect flow
    stages                      read lake -> steps -> write lake
    sources  store  artifacts   where data enters, the lake of Parquet, the model folders
    steps  learn                pure Table -> Table; labels -> model folders
    text                        normalise, contacts, segment, cues, n-grams
    tables  errors  settings    every schema, every error, every setting
"""
