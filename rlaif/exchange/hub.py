"""Sends a folder to the hub as ONE commit of a dataset repository.

    pushed = push(folder, "owner/name", token)

Before every attempt, the first one too, the repository is compared with the folder by content: a
commit that landed although its answer was lost is found there and not sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.errors import ConfigError, RlaifError
from rlaif.exchange.hub_errors import ATTEMPTS, explained, passes, wait

MARK = "rlaif/manifest.json"
"""A repository with this file was written by rlaif, so a further push may replace its data."""
OURS = ("data/", "rlaif/")
"""Where a push leaves no file of an earlier push."""
TIMEOUT = 30.0
"""Seconds for the hub's first answer."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What is on the hub now."""

    url: str
    commit: str
    sent: bool
    """False where the repository held the same before this push began."""
    private: bool


def check_repo(repo: str) -> str:
    """`repo`, if it is `owner/name` as the hub takes it. Raises ConfigError."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ConfigError(f"repo {repo!r}: {error}") from None
    if repo.count("/") != 1:
        raise ConfigError(f"repo {repo!r}: give owner/name, such as my-name/my-preferences")
    return repo


def push(
    folder: Path,
    repo: str,
    token: str,
    *,
    public: bool = False,
    replace: bool = False,
    endpoint: str | None = None,
) -> Pushed:
    """Make the dataset repository `repo` hold what `folder` holds, in one commit.

    The repository is created where there is none, private unless `public`. Raises ConfigError
    where the token lacks the right, the repository holds what rlaif did not write (and not
    `replace`), or it is public without `public`; StoppedError where the hub does not answer.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt

    attempt = _Attempt(folder, check_repo(repo), token, public, replace, endpoint)
    retrying = Retrying(
        retry=retry_if_exception(passes),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except RlaifError:
        raise
    except Exception as error:
        raise explained(error, repo, folder) from None


class _Attempt:
    """One look at the repository and, where it differs, one commit. Called anew to retry."""

    def __init__(
        self,
        folder: Path,
        repo: str,
        token: str,
        public: bool,
        replace: bool,
        endpoint: str | None,
    ) -> None:
        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

        disable_progress_bars()
        self._api = HfApi(endpoint=endpoint, token=token)
        self._repo, self._public, self._replace = repo, public, replace
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        self._hashes = {name: _hashes(path) for name, path in self._files.items()}
        self._committing = False

    def __call__(self) -> Pushed:
        info = self._look()
        if info is None:
            self._api.create_repo(
                self._repo, repo_type="dataset", private=not self._public, exist_ok=True
            )
            info = self._look()
            if info is None:
                raise ConfigError(f"{self._repo}: was created, yet the token may not read it")
        there = {sibling.rfilename: sibling for sibling in info.siblings or []}
        self._check(info, there)
        stale = sorted(self._stale(there))
        if not stale and self._holds(there):
            return self._pushed(info.sha or "", bool(info.private), sent=self._committing)
        self._committing = True
        return self._pushed(self._commit(info.sha, stale), bool(info.private), sent=True)

    def _look(self) -> Any:
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            return self._api.dataset_info(self._repo, files_metadata=True, timeout=TIMEOUT)
        except RepositoryNotFoundError:
            return None

    def _check(self, info: Any, there: Mapping[str, Any]) -> None:
        foreign = sorted(set(there) - {".gitattributes"})
        if foreign and MARK not in there and not self._replace:
            raise ConfigError(
                f"{self._repo}: exists and holds what rlaif did not write ({foreign[0]!r}, ...):"
                " give another name, or --replace to put this dataset in its place; nothing was"
                " sent"
            )
        if not info.private and not self._public:
            raise ConfigError(
                f"{self._repo}: is public: add --public to publish for everybody to read; nothing"
                " was sent"
            )

    def _stale(self, there: Mapping[str, Any]) -> Iterator[str]:
        """Files that this push takes away."""
        for name in there.keys() - self._files.keys() - {".gitattributes"}:
            if name.startswith(OURS) or (self._replace and MARK not in there):
                yield name

    def _holds(self, there: Mapping[str, Any]) -> bool:
        """Whether every file stands there with the same content."""
        for name, known in self._hashes.items():
            sibling = there.get(name)
            if sibling is None:
                return False
            large = getattr(sibling.lfs, "sha256", None)
            if large != known.sha256 if large else sibling.blob_id != known.git:
                return False
        return True

    def _commit(self, head: str | None, stale: list[str]) -> str:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        made = self._api.create_commit(
            self._repo,
            [
                *(CommitOperationAdd(name, str(path)) for name, path in self._files.items()),
                *(CommitOperationDelete(name) for name in stale),
            ],
            commit_message="Write the dataset with rlaif",
            repo_type="dataset",
            parent_commit=head,
        )
        return str(made.oid)

    def _pushed(self, commit: str, private: bool, *, sent: bool) -> Pushed:
        return Pushed(f"{self._api.endpoint}/datasets/{self._repo}", commit, sent, private)


@dataclass(frozen=True, slots=True)
class _Hashes:
    """What the hub calls a file's content: SHA-256 where it is large, else git's blob id."""

    sha256: str
    git: str


def _hashes(path: Path) -> _Hashes:
    large = hashlib.sha256()
    git = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            large.update(chunk)
            git.update(chunk)
    return _Hashes(large.hexdigest(), git.hexdigest())
