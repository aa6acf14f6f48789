"""Class folders in a zip, with a lie in the container or in one picture."""

from collections.abc import Callable
from typing import Final

from tools.fuzz import jpeg, pictures, png, webp
from tools.fuzz.draws import Draw
from tools.fuzz.zips import container, lied, written

_ENDINGS: Final = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}
_MAKERS: Final[dict[str, Callable[[Draw], bytes]]] = {
    "PNG": png.changed,
    "JPEG": jpeg.changed,
    "WEBP": webp.changed,
}


def folders_changed(draw: Draw) -> bytes:
    """Honest pictures in a container that lies."""
    form = draw.pick(list(_ENDINGS))
    held = pictures.in_folders(_honest(form), _ENDINGS[form])
    return lied(container(held, packed=draw.chance(0.3)), draw)


def png_changed(draw: Draw) -> bytes:
    """A PNG among honest ones."""
    return _with_one("PNG", draw)


def jpeg_changed(draw: Draw) -> bytes:
    """A JPEG among honest ones."""
    return _with_one("JPEG", draw)


def webp_changed(draw: Draw) -> bytes:
    """A WebP among honest ones."""
    return _with_one("WEBP", draw)


def _with_one(form: str, draw: Draw) -> bytes:
    files = _honest(form)
    files[draw.below(len(files))] = _MAKERS[form](draw)
    return written(container(pictures.in_folders(files, _ENDINGS[form])))


def _honest(form: str) -> list[bytes]:
    return [pictures.encoded(one, form) for one in pictures.images()]
