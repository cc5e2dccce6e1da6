"""How pictures became the images that a network has learned from, so that new ones are prepared alike.

A data set says it in the file preparation.json beside its images, which make_idx writes; a data set that is a
SafeTensors file, and a model, in the metadata "preparation". It is one JSON object:

    {"preparation": "digits"}                     as MNIST's: the ink, cropped, scaled and centred; what does
                                                  not look like one digit is rejected
    {"preparation": "drawings", "single": true}   the same for drawings of anything; if the data set's are
                                                  "single", two of them beside one another are rejected
    {"preparation": "pictures", "invert": true}   the whole picture, scaled to fit the image and put in its
                                                  middle; with "invert", dark becomes light

"single" and "invert" may be left out for false. Data sets and models that do not say it are taken for MNIST's.
include/nn/data/preparation.hpp is the same in C++.
"""

import json
from dataclasses import dataclass
from enum import Enum

from common.text import parse_json

FILE = "preparation.json"


class Kind(str, Enum):
    """What is done to a picture."""

    DIGITS = "digits"
    DRAWINGS = "drawings"
    PICTURES = "pictures"

    __str__ = str.__str__


EXPECTED = (
    'how its pictures were prepared: {"preparation": "digits"}, {"preparation": "drawings", "single": true} or'
    ' {"preparation": "pictures", "invert": true}'
)
FLAGS = {Kind.DIGITS: (), Kind.DRAWINGS: ("single",), Kind.PICTURES: ("invert",)}


@dataclass(frozen=True)
class Preparation:
    """The one of a data set, and of the models that have learned from it."""

    kind: Kind = Kind.DIGITS
    single: bool = False  # of drawings
    invert: bool = False  # of pictures

    @property
    def json(self) -> str:
        flags = {name: getattr(self, name) for name in FLAGS[self.kind]}
        return json.dumps({"preparation": self.kind.value, **flags}, separators=(",", ":"))


def parse_preparation(text: str) -> Preparation:
    """Raises ValueError with what was found, if that is anything else."""
    values = parse_json(text)
    if not isinstance(values, dict) or values.get("preparation") not in [kind.value for kind in Kind]:
        raise ValueError(text[:60])
    kind = Kind(values.pop("preparation"))
    if any(name not in FLAGS[kind] or not isinstance(value, bool) for name, value in values.items()):
        raise ValueError(text[:60])
    return Preparation(kind, **values)
