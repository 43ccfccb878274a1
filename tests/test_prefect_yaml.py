"""prefect.yaml holds only what Prefect reads: it ignores unknown keys in silence and deploys flows that cannot load."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

Yaml = dict[str, Any]


@pytest.fixture(scope="module")
def config(root: Path) -> Yaml:
    return yaml.safe_load((root / "prefect.yaml").read_text("utf-8"))


def unknown(where: str, got: Yaml, allowed: Collection[str]) -> Iterator[str]:
    yield from (f"{where}: unknown key {key}" for key in got if key not in allowed)


def complaints(config: Yaml) -> list[str]:
    """What is wrong with a prefect.yaml, one line each; known keys are those of the installed Prefect's models."""
    from prefect.cli.deploy import _models as known

    found = list(unknown("top", config, {*known.PrefectYamlModel.model_fields, "definitions"}))
    found += [line for step in config.get("pull", []) for line in step_complaints(step)]
    for deployment in config["deployments"]:
        found += [f"{deployment.get('name')}: {line}" for line in deployment_complaints(deployment, known)]
    names = [deployment["name"] for deployment in config["deployments"]]
    return found + ["names of deployments repeat"] * (len(set(names)) < len(names))


def step_complaints(step: Yaml) -> Iterator[str]:
    from prefect.utilities.importtools import import_object

    for path, arguments in step.items():
        try:
            inspect.signature(import_object(path)).bind(**arguments)
        except (AttributeError, ImportError, TypeError) as error:
            yield f"pull: {path}: {error}"


def deployment_complaints(deployment: Yaml, known: Any) -> Iterator[str]:
    yield from unknown("deployment", deployment, known.DeploymentConfig.model_fields)
    yield from unknown("concurrency_limit", deployment["concurrency_limit"], known.ConcurrencyLimitSpec.model_fields)
    yield from limit_complaints(deployment["concurrency_limit"])
    yield from pool_complaints(deployment["work_pool"], known)
    yield from schedule_complaints(deployment["schedules"], known)
    yield from flow_complaints(deployment)


def limit_complaints(limit: Yaml) -> Iterator[str]:
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy

    if limit.get("limit") != 1 or limit.get("collision_strategy") not in list(ConcurrencyLimitStrategy):
        yield f"concurrency_limit: {limit}"


def pool_complaints(pool: Yaml, known: Any) -> Iterator[str]:
    from prefect.settings import Settings as PrefectSettings
    from prefect.settings.legacy import _get_valid_setting_names
    from prefect.workers.process import ProcessWorker

    variables = ProcessWorker.get_default_base_job_template()["variables"]["properties"]
    yield from unknown("work_pool", pool, known.WorkPoolConfig.model_fields)
    yield from unknown("job_variables", pool["job_variables"], variables)
    env = pool["job_variables"].get("env", {})
    yield from unknown("env", env, {*_get_valid_setting_names(PrefectSettings), "DO_NOT_TRACK"})
    yield from (f"env: {name} is no string" for name, value in env.items() if not isinstance(value, str))


def schedule_complaints(schedules: list[Yaml], known: Any) -> Iterator[str]:
    from prefect.client.schemas.schedules import construct_schedule

    for schedule in schedules:
        yield from unknown("schedule", schedule, known.RawScheduleConfig.model_fields)
        yield from (f"schedule: {key} not stated" for key in ("slug", "timezone", "active") if key not in schedule)
        try:
            construct_schedule(cron=schedule.get("cron"), timezone=schedule.get("timezone"))
        except ValueError as error:
            yield f"schedule: {error}"
    slugs = [schedule.get("slug") for schedule in schedules]
    yield from ["schedule: slugs repeat"] * (len(set(slugs)) < len(slugs))


def flow_complaints(deployment: Yaml) -> Iterator[str]:
    from prefect.exceptions import MissingFlowError, ParameterTypeError, ScriptError, SignatureMismatchError
    from prefect.flows import load_flow_from_entrypoint
    from prefect.utilities.schema_tools import validate

    entrypoint, parameters = deployment["entrypoint"], deployment["parameters"]
    if ":" in entrypoint:
        yield f"entrypoint: {entrypoint}: the dotted form is needed; a file is loaded under another module name"
        return
    try:
        flow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
        inspect.signature(flow.fn).bind(**parameters)
        flow.validate_parameters(parameters)
    except (ImportError, MissingFlowError, ScriptError, ParameterTypeError, SignatureMismatchError, TypeError) as error:
        yield f"entrypoint: {entrypoint}: {error}"
        return
    as_the_server_does = validate(parameters, flow.parameters.model_dump(), raise_on_error=False)
    yield from (f"parameters: {error.message}" for error in as_the_server_does)
    yield from settings_complaints(parameters["settings"])
    if flow.name != deployment["name"]:
        yield f"entrypoint: {entrypoint} is the flow {flow.name}"


def settings_complaints(stated: Yaml) -> Iterator[str]:
    from pipeline.settings import Settings

    yield from (
        f"parameters: setting {name} is not spelled out" for name in Settings.model_fields if name not in stated
    )


def test_every_key_is_known_and_every_flow_loads_with_its_parameters(config: Yaml) -> None:
    assert complaints(config) == []


def test_the_five_flows_are_deployed_and_only_two_run_by_themselves(config: Yaml) -> None:
    active = {d["name"]: [s["cron"] for s in d["schedules"] if s["active"]] for d in config["deployments"]}
    assert active == {"gather": ["30 * * * *"], "daily": ["0 2 * * *"], "features": [], "trust": [], "train": []}


def rename(where: Yaml, old: str, new: str) -> None:
    where[new] = where.pop(old)


def env(deployment: Yaml) -> Yaml:
    return deployment["work_pool"]["job_variables"]["env"]


MISTAKES: dict[str, tuple[Callable[[Yaml], object], str]] = {
    "misspelt parameters": (lambda d: d.update(paramaters={}), "unknown key paramaters"),
    "misspelt concurrency": (lambda d: d.update(concurency_limit=1), "unknown key concurency_limit"),
    "misspelt limit": (lambda d: rename(d["concurrency_limit"], "limit", "limits"), "unknown key limits"),
    "unknown strategy": (lambda d: d["concurrency_limit"].update(collision_strategy="CANCEL"), "concurrency_limit: "),
    "misspelt work queue": (lambda d: d["work_pool"].update(queue="q"), "unknown key queue"),
    "misspelt environment": (lambda d: rename(d["work_pool"]["job_variables"], "env", "envs"), "unknown key envs"),
    "unknown Prefect setting": (lambda d: env(d).update(PREFECT_FLOW_HEARTBEAT="30"), "unknown key PREFECT_FLOW"),
    "number in the environment": (lambda d: env(d).update(DO_NOT_TRACK=1), "is no string"),
    "misspelt cron key": (lambda d: d["schedules"][0].update(cronn="0 1 * * *"), "unknown key cronn"),
    "minute 61": (lambda d: d["schedules"][0].update(cron="61 * * * *"), "Invalid cron string"),
    "unknown zone": (lambda d: d["schedules"][0].update(timezone="Asia/Shangai"), "Invalid timezone"),
    "no zone": (lambda d: d["schedules"][0].pop("timezone"), "timezone not stated"),
    "the same slug twice": (lambda d: d["schedules"].append(d["schedules"][0]), "slugs repeat"),
    "flow that is not there": (lambda d: d.update(entrypoint="pipeline.flows.gahter"), "pipeline.flows.gahter"),
    "module that is not there": (lambda d: d.update(entrypoint="pipeline.flow.gather"), "pipeline.flow.gather"),
    "file as entrypoint": (lambda d: d.update(entrypoint="pipeline/flows.py:gather"), "dotted form"),
    "another flow": (lambda d: d.update(entrypoint="pipeline.flows.trust"), "is the flow trust"),
    "unknown setting": (lambda d: d["parameters"]["settings"].update(lakes="x"), "lakes"),
    "value out of range": (lambda d: d["parameters"]["settings"].update(base_rate=2), "base_rate"),
    "setting left out": (lambda d: d["parameters"]["settings"].pop("base_rate"), "base_rate is not spelled out"),
    "unknown parameter": (lambda d: d["parameters"].update(lake="x"), "unexpected keyword argument"),
}  # fmt: skip


@pytest.mark.parametrize(("mistake", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_in_a_deployment_is_named(config: Yaml, mistake: Callable[[Yaml], object], said: str) -> None:
    broken = copy.deepcopy(config)
    broken["deployments"] = copy.deepcopy(broken["deployments"][:1])
    mistake(broken["deployments"][0])
    assert [line for line in complaints(broken) if said in line]


def test_a_mistake_above_the_deployments_is_named(config: Yaml) -> None:
    assert complaints({**config, "pul": []}) == ["top: unknown key pul"]


def test_a_mistake_in_a_pull_step_is_named(config: Yaml) -> None:
    (step,) = config["pull"]
    (name,) = step
    assert "missing a required argument" in complaints({**config, "pull": [{name: {}}]})[0]
    assert "set_wrking" in complaints({**config, "pull": [{name.replace("working", "wrking"): {}}]})[0]


def canonical(value: Any) -> Any:
    """`value` with lists sorted, so that what Prefect keeps as a set can be compared."""
    if isinstance(value, dict):
        return {key: canonical(inner) for key, inner in value.items()}
    return sorted(map(canonical, value), key=str) if isinstance(value, list) else value


def test_prefect_keeps_every_word_of_the_automations(root: Path) -> None:
    from prefect.events.schemas.automations import AutomationCore

    for stated in yaml.safe_load((root / "automations.yaml").read_text("utf-8"))["automations"]:
        kept = AutomationCore.model_validate(stated).model_dump(mode="json", exclude_unset=True)
        assert canonical(kept) == canonical(stated)


def test_a_run_is_given_up_only_after_several_heartbeats_are_missing(root: Path, config: Yaml) -> None:
    (crashed,) = yaml.safe_load((root / "automations.yaml").read_text("utf-8"))["automations"]
    for deployment in config["deployments"]:
        assert crashed["trigger"]["within"] >= 3 * int(env(deployment)["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
