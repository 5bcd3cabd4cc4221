"""What is done with one source in a process of its own: fetch it, read it, and say whether it may be believed.

Everything is written into a folder of this fetch alone; the caller (`blocklists.fetcher`) puts it into place.
"""

import io
import shutil
import tarfile
from pathlib import Path

import msgspec

from blocklists.comparison import BestKnown, Difference, Reference, count_difference, doubt_about
from blocklists.copies import CopyFolder, ListCopy, file_sha256
from blocklists.download import MAX_DOWNLOAD_BYTES, Download
from blocklists.download_targets import TargetPolicy
from blocklists.errors import FetchFailed, ListError, SourceUnusable
from blocklists.isolation import ReportProgress
from blocklists.name_set import NameSet, read_name_set
from blocklists.sources import Source
from blocklists.survey import Survey, survey_copy, visit_entries

LIST, NAMES, DIFFERENCE = "list", "names", "difference"  # what is written into the folder of a fetch


class CheckJob(msgspec.Struct, frozen=True, kw_only=True):
    """One source to be fetched and looked at."""

    source: Source
    known: ListCopy
    copies: Path
    work: Path  # where everything is written
    headers: dict[str, str] = {}
    ca_file: str = ""
    max_bytes: int = MAX_DOWNLOAD_BYTES
    targets: TargetPolicy = TargetPolicy()
    proxies: dict[str, str] = {}


class SourceCheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    is_unchanged: bool = False  # as the publisher says, or byte by byte
    sha256: str = ""
    etag: str = ""
    last_modified: str = ""
    survey: Survey | None = None
    doubt: str = ""  # why a person should look at it
    is_list: bool = True
    retry_seconds: float = 0.0  # the server asks to be left alone for so long
    failure: str = ""


def check_source(job: CheckJob, progress: ReportProgress) -> SourceCheckResult:
    """Fetch a source and look at it. Raises whatever its reading raises."""
    file = job.work / LIST
    etag = last_modified = ""
    if job.source.is_url:
        try:
            headers = _download(job, file, progress)
        except FetchFailed as failure:
            return SourceCheckResult(failure=str(failure), retry_seconds=failure.retry_seconds)
        if headers is None:
            return SourceCheckResult(is_unchanged=True)
        etag, last_modified = str(headers.get("etag", "")), str(headers.get("last-modified", ""))
    else:
        etag = local_tag(job.source)
        _copy_local(job.source, file)
    sha256 = file_sha256(file)
    result = SourceCheckResult(sha256=sha256, etag=etag, last_modified=last_modified)
    if sha256 == job.known.sha256:
        return msgspec.structs.replace(result, is_unchanged=True)
    if sha256 == job.known.refused_sha256:
        return result
    return _look_at(job, file, result)


def local_tag(source: Source) -> str:
    """Return what changes when a list on this machine does. Raises SourceUnusable."""
    try:
        stats = [path.stat() for path in _local_files(source)]
    except FileNotFoundError:
        raise SourceUnusable(f"{source.location}: is not there") from None
    except OSError as problem:
        raise SourceUnusable(f"{source.location}: {problem.strerror}") from None
    return " ".join(f"{one.st_size}-{one.st_mtime_ns}" for one in stats)


def read_last_names(folder: CopyFolder, source: Source) -> NameSet | None:
    """Return the names of the copy in use; None where there is none, or they cannot be read."""
    try:
        return read_name_set(folder.path(source, "names"))
    except ListError:
        return None


def _download(job: CheckJob, file: Path, progress: ReportProgress) -> dict[str, str] | None:
    download = Download(
        job.source.location,
        ca_file=job.ca_file,
        max_bytes=job.max_bytes,
        targets=job.targets,
        proxies=job.proxies,
        progress=progress,
    )
    with file.open("wb") as opened:
        headers = download.write_to(opened, job.headers)
    return None if headers is None else dict(headers)


def _look_at(job: CheckJob, file: Path, result: SourceCheckResult) -> SourceCheckResult:
    folder = CopyFolder(job.copies)
    try:
        survey, names = survey_copy(job.source, file)
    except SourceUnusable as problem:
        reason = str(problem).removeprefix(f"source {job.source.name!r}: ").replace(f"{file}: ", "")
        return msgspec.structs.replace(result, doubt=reason, is_list=False)
    names.write(job.work / NAMES)
    last = read_last_names(folder, job.source)
    doubt = doubt_about(survey, names, _reference(job, folder, last))
    if doubt and last is not None:
        difference = _difference(job, folder, file, names, last)
        (job.work / DIFFERENCE).write_bytes(msgspec.json.encode(difference))
    return msgspec.structs.replace(result, survey=survey, doubt=doubt, is_list=bool(survey.entries))


def _reference(job: CheckJob, folder: CopyFolder, last: NameSet | None) -> Reference:
    known = job.known
    try:
        baseline = read_name_set(folder.path(job.source, "baseline")) if known.baseline_at else None
    except ListError:
        baseline = None
    return Reference(
        last=last,
        baseline=baseline,
        most_entries=max(known.most_entries, known.entries),
        understood_share=known.understood_share,
        accepted_canaries=known.accepted_canaries,
    )


def _difference(job: CheckJob, folder: CopyFolder, file: Path, names: NameSet, last: NameSet) -> Difference:
    added, removed = BestKnown(), BestKnown()
    visit_entries(job.source, file, lambda text: None if text in last else added.add(text))
    copy = folder.path(job.source, "list")
    if copy.exists():
        visit_entries(job.source, copy, lambda text: None if text in names else removed.add(text))
    return count_difference(names, last, added, removed)


def _local_files(source: Source) -> list[Path]:
    place = source.path
    if not place.is_dir():
        return [place]
    folder = place / source.folder if source.folder else place
    usage = folder / "usage"
    return [folder / "domains", usage] if usage.is_file() else [folder / "domains"]


def _copy_local(source: Source, file: Path) -> None:
    """Copy a list of this machine; a squidGuard folder becomes a tar archive, which is read in the same way."""
    files = _local_files(source)
    if not source.path.is_dir():
        if not source.path.is_file():
            raise SourceUnusable(f"{source.location}: is no file")
        shutil.copyfile(files[0], file)
        return
    for one in files:
        if not one.is_file():  # a pipe would be waited for, a device has no end
            raise SourceUnusable(f"{source.location}: is no file")
    name = source.folder or source.path.name
    with tarfile.open(file, "w") as archive:
        for one in files:
            content = one.read_bytes()
            member = tarfile.TarInfo(f"{name}/{one.name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
