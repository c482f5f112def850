"""
The peer of redaction: detect-secrets with all its detectors, over the texts of a JSON file.

Runs in an environment that has detect-secrets and nothing of posbot, so it imports nothing of posbot. Prints, as JSON,
the secrets that it finds in each text, and its CPU seconds.
"""

import json
import pathlib
import sys
import time

from detect_secrets.core import scan
from detect_secrets.settings import default_settings


def main() -> None:
    """Scan the texts of the file that is named on the command line."""
    texts = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    started = time.process_time()
    with default_settings():
        found = [[one.secret_value for line in text.split("\n") for one in scan.scan_line(line)] for text in texts]
    print(json.dumps({"found": found, "seconds": time.process_time() - started}))


if __name__ == "__main__":
    main()
