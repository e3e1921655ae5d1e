"""`make clean`: the data of the local Waypost, gone."""

import shutil
from collections.abc import Mapping

from deploy.local.data_folder import DataFolder
from deploy.local.errors import LaunchError
from deploy.local.stop import stop


def clean(environment: Mapping[str, str]) -> int:
    folder = DataFolder.named_by(environment)
    if not folder.path.exists():
        print(f"There is no data in {folder.path}.")
        return 0
    if not folder.is_ours():
        raise LaunchError(f"{folder.path} is no data folder of Waypost, so it stays as it is.")
    stop(environment)
    shutil.rmtree(folder.path)
    print(f"Removed {folder.path}.")
    return 0
