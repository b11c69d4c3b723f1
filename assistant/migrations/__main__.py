"""Write a revision from what changed in tables.py: `python -m assistant.migrations "What changes"`.

Read the result and tidy it before committing; it is a draft.
"""

from __future__ import annotations

import sys
import tempfile

from alembic import command
from alembic.script import ScriptDirectory

from assistant import migrations
from assistant.database import WRITE, open_engine, parse_url


def main(message: str) -> None:
    """Compare the tables with a new database at the newest revision."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(parse_url(f"sqlite:///{folder}/draft.db"))
        writer = engine.execution_options(**WRITE)
        migrations.upgrade(writer, "the draft's database")
        with writer.begin() as connection:
            configuration = migrations.configuration(connection)
            newest = ScriptDirectory.from_config(configuration).get_current_head() or "0000"
            command.revision(configuration, message, autogenerate=True, rev_id=f"{int(newest) + 1:04}")
        engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
