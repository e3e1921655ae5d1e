#!/bin/sh
# Becomes a Python that Waypost runs on. A command by that name may exist and not work (pyenv), so each is tried.
fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' </dev/null >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    fits "$PYTHON" && exec "$PYTHON" "$@"
    echo "PYTHON=$PYTHON is not a Python from 3.11 to 3.14 that runs." >&2
    exit 1
fi
for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
    fits "$candidate" && exec "$candidate" "$@"
done
echo "Waypost needs Python 3.11, 3.12, 3.13 or 3.14, and found none. Install one, or name it: make PYTHON=/path/to/python3" >&2
exit 1
