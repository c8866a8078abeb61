"""Push an exported folder to the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from ganspec.exporting.request import ExportError
from ganspec.language.errors import one_line, printable


def check_repository(name: str) -> None:
    """Raise ExportError if `name` cannot be a repository's, or if the user is not logged in."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        message = f"`{printable(name)}` is no repository of the Hugging Face hub"
        raise ExportError(f"{message}: write it as `you/name`") from None
    if get_token() is None:
        raise ExportError("--push needs an account: run `hf auth login`, or set $HF_TOKEN")


def push(folder: Path, name: str, private: bool) -> str:
    """Upload the files of `folder` to the repository `name`. Return the URL of its page.

    A repository that does not exist is created; if `private`, only its owner can see it. Raises
    ExportError if anything fails; the folder stays.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    api = HfApi(library_name="ganspec")
    try:
        made = api.create_repo(name, private=private or None, exist_ok=True)
        message = "Export by ganspec"
        api.upload_folder(repo_id=made.repo_id, folder_path=folder, commit_message=message)
    except Exception as error:  # of the hub, of the network below it, or of the disk
        raise ExportError(
            f"{folder} is written, and was not pushed to {name}: {printable(one_line(error))}"
        ) from error
    return str(made)
