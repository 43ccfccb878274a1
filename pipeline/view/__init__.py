"""What a person sees in the terminal: progress, the summary, an explanation, figures. Texts of posts are hostile here."""
