"""The official file from the model hub, where there is a hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rlaif.weights.known import Known

if TYPE_CHECKING:
    from rlaif.weights.fetching import Progress

PROBE_S = 4.0
"""How long the hub has to say that it has the file."""


class HubUnavailable(Exception):
    """There is no hub here, or it does not have these bytes."""


def from_hub(known: Known, folder: Path, tell: Progress) -> Path:
    """Download the file into `folder`, continuing an earlier try. Raises HubUnavailable.

    The hub is first asked what it has: a file of another digest is not downloaded at all, and where
    nobody answers (or HF_HUB_OFFLINE is set) a few seconds are lost.
    """
    import huggingface_hub as hub
    from huggingface_hub import constants

    assert known.repo is not None
    tell(f"asking the hub for {known.repo}", 0, known.size)
    try:
        if constants.is_offline_mode():
            raise HubUnavailable("HF_HUB_OFFLINE is set")
        url = hub.hf_hub_url(known.repo, known.file)
        found = hub.get_hf_file_metadata(url, timeout=PROBE_S)
        if found.etag != known.sha256:
            raise HubUnavailable(f"the hub's {known.repo} has other bytes ({found.etag})")
        tell(f"downloading {known.file} from the hub", 0, known.size)
        return Path(hub.hf_hub_download(known.repo, known.file, local_dir=folder / "hub"))
    except HubUnavailable:
        raise
    except Exception as error:  # whatever an HTTP library, a proxy or the hub's client may raise
        raise HubUnavailable(f"no hub: {type(error).__name__}") from None
