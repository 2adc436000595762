"""Fetch a file, and take it for done only when its size and checksum are right."""

from __future__ import annotations

import glob
import hashlib
import http.client
import ssl
import urllib.request
from pathlib import Path

from tqdm import tqdm

from recurrent_residual import files
from recurrent_residual.errors import UserError

CHUNK = 1 << 20  # bytes read at a time
TIMEOUT = 60  # seconds without a byte


def download(
    url: str, output: str | Path, *, size: int | None = None, sha256: str | None = None, insecure_tls: bool = False
) -> bool:
    """Fetch `url` to `output`; return whether anything was fetched.

    A file that is already there and right is kept; a wrong one stays until a right one replaces it. `insecure_tls`
    passes over a server's broken certificate chain and needs `sha256`, which then alone vouches for the content.
    Raises `UserError` when the server cannot be reached, the connection breaks, or size or checksum is wrong.
    """
    output = Path(output)
    if insecure_tls and not sha256:
        raise UserError(f"{url}: insecure_tls needs a sha256, which alone can vouch for the content")
    if output.is_file() and not _wrong(output.stat().st_size, _digest(output), size, sha256):
        return False
    for killed in output.parent.glob(f".{glob.escape(output.name)}.part-*"):
        killed.unlink()  # what an earlier try left: gigabytes
    context = ssl._create_unverified_context() if insecure_tls else None
    digest = hashlib.sha256()
    try:
        with (
            files.atomic(output) as part,
            urllib.request.urlopen(url, timeout=TIMEOUT, context=context) as response,
            open(part, "wb") as file,
        ):
            announced = int(response.headers.get("Content-Length") or 0) or None
            with tqdm(total=size or announced, unit="B", unit_scale=True, desc=output.name, mininterval=1) as progress:
                while chunk := response.read(CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    progress.update(len(chunk))
            wrong = _wrong(file.tell(), digest.hexdigest(), size or announced, sha256)
            if wrong:
                raise UserError(f"{url}: {wrong}; try again, or put the right file at {output}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UserError(f"{url}: {error}; check the network, or put the file at {output} yourself") from error
    return True


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wrong(bytes_got: int, digest: str, size: int | None, sha256: str | None) -> str | None:
    """What is wrong with the content, if anything."""
    if size is not None and bytes_got != size:
        return f"{bytes_got} bytes came where {size} belong"
    if sha256 and digest != sha256.lower():
        return f"sha256 is {digest}, not {sha256}"
    return None
