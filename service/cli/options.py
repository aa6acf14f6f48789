"""Arguments and options that several verbs share, each with its help."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from service.core.lenses import Look
from service.core.profiles import Name

_ABOUT_MODEL = "The model"
_ABOUT_DATA = "The data"
_ABOUT_RUN = "The run"


Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="ONNX file, torch.export archive or .mar; or weights (safetensors, state dict) with "
        "--arch.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="FILE[A:B]",
        help="Images and labels: npz, Parquet, safetensors, or a folder of one folder of pictures "
        "a class; FILE[0:500] takes a slice.",
    ),
]
Cues = Annotated[
    str | None,
    typer.Option(
        "--cues",
        metavar="FILE[A:B]",
        help="Pictures of your own with the shape of one class and the texture of another, as npz "
        "of images, shape and texture (class numbers of the model); read as the data file is. "
        "Whether the model goes by shape or by texture is told beside the lenses.",
        rich_help_panel=_ABOUT_DATA,
    ),
]
DataLayout = Annotated[
    Literal["auto", "nchw", "nhwc"],
    typer.Option(
        "--data-layout",
        help="Order of the axes of the images in the data file; auto goes by their sizes.",
        rich_help_panel=_ABOUT_DATA,
    ),
]
Channels = Annotated[
    Literal["rgb", "bgr"],
    typer.Option(
        "--channels",
        help="Order of the colours in the data file; bgr is reversed on reading.",
        rich_help_panel=_ABOUT_DATA,
    ),
]
Pixels = Annotated[
    Literal["auto", "0-1", "0-255"],
    typer.Option(
        "--pixels",
        help="Range of the numbers in the data file; auto goes by their type.",
        rich_help_panel=_ABOUT_DATA,
    ),
]
Withhold = Annotated[
    bool,
    typer.Option(
        "--withhold",
        help="Hand out no picture of the data: neither in the report nor as files beside it.",
        rich_help_panel=_ABOUT_DATA,
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="What you require, in YAML."),
]
UnderProfile = Annotated[
    Name | None,
    typer.Option(
        "--profile",
        help="Have the policy extend this profile, which says what the policy leaves open: how "
        "many images there must be, and how much is tried.",
    ),
]
Lenses = Annotated[
    Look | None,
    typer.Option(
        "--lenses",
        help="How far to look inside the model: weights alone, quick (minutes), or full (a night). "
        "Lenses explain and decide nothing. Without it a check looks at weights, with the profile "
        "release quickly and with deep fully; an audit looks quickly.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
Baseline = Annotated[
    str,
    typer.Option(
        "--baseline",
        metavar="DIR|FILE|NAME",
        help="An earlier audit to be held against: its folder, its evidence.json, or its name "
        "in the service. Without it the newest passing audit of a model of that name is taken.",
    ),
]
Waivers = Annotated[
    Path | None,
    typer.Option(
        "--waivers", metavar="FILE", help="What is accepted until a date, by whom and why, in YAML."
    ),
]
Normalize = Annotated[
    str | None,
    typer.Option(
        "--normalize",
        metavar="NAME|M,M,M/S,S,S",
        help="What your own code does to [0,1] pixels before the model: cifar10, imagenet, mnist, "
        "or means/deviations, one a channel.",
        rich_help_panel=_ABOUT_MODEL,
    ),
]
Layout = Annotated[
    Literal["nchw", "nhwc"],
    typer.Option(
        "--layout", help="Order of the axes of the model's input.", rich_help_panel=_ABOUT_MODEL
    ),
]
Architecture = Annotated[
    str,
    typer.Option(
        "--arch",
        metavar="NAME",
        help="Architecture that safetensors weights belong to.",
        rich_help_panel=_ABOUT_MODEL,
    ),
]
OutputName = Annotated[
    str,
    typer.Option(
        "--output",
        metavar="NAME",
        help="Which output of the model holds the class scores, where it has several.",
        rich_help_panel=_ABOUT_MODEL,
    ),
]
ExpectAccuracy = Annotated[
    float | None,
    typer.Option(
        "--expect-accuracy",
        metavar="A",
        min=0.0,
        max=1.0,
        help="Clean accuracy that you know of; the run ends early when it is not reproduced.",
        rich_help_panel=_ABOUT_MODEL,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=1,
        help="Use only the first N images of the file or of its slice.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        min=0,
        help="Another order of the images, to explore; a policy accepts only its own seed.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
Deadline = Annotated[
    str | None,
    typer.Option(
        "--deadline",
        metavar="TIME",
        help="End after so long (90s, 10m, 1h) with what was measured; the next run goes on there.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        help="A running service; without it one is started on this machine.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say how many passes, how much time and storage it would take at most; run nothing.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
ExplainCache = Annotated[
    bool,
    typer.Option(
        "--explain-cache",
        help="Tell at the end how much was known from earlier audits, and of the rest why not.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
Detach = Annotated[
    bool,
    typer.Option(
        "--detach",
        help="Print the audit's name and return; `assay status NAME` tells the rest.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        file_okay=False,
        help="Folder for the report's files.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
Debug = Annotated[
    bool,
    typer.Option("--debug", help="Show where an error came from.", rich_help_panel=_ABOUT_RUN),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Say the result as one JSON object, for a program.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
NoConfig = Annotated[
    bool,
    typer.Option(
        "--no-config",
        help="Leave out what assay.yaml beside the model says.",
        rich_help_panel=_ABOUT_RUN,
    ),
]
AuditName = Annotated[
    str,
    typer.Argument(metavar="NAME", help="An audit's name, as --detach or `assay list` prints it."),
]
