"""Where things live and which encoders are used: the environment, read in one place."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

DEFAULT_TEXT_ENCODER = "all-MiniLM-L6-v2"
DEFAULT_IMAGE_ENCODER = "lite0-minilm"

# What a request asks for where it does not say. At 0.85 a wish alone, whose relevances are small, still keeps most of
# its nearest items, and a series is broken up.
DEFAULT_LAM = 0.85
DEFAULT_BLEND = 0.5
DEFAULT_K = 10


@dataclass(frozen=True)
class Settings:
    """One process' configuration.

    Attributes:
        data: folder for everything downloaded or built (`TASTESPACE_DATA`).
        qdrant_url: a Qdrant server or cluster; None runs Qdrant Edge in this process (`QDRANT_URL`).
        qdrant_api_key: its key (`QDRANT_API_KEY`).
        text_encoder: a sentence-transformers model: the packaged default, a hub name or a folder
            (`TASTESPACE_TEXT_ENCODER`).
        image_encoder: an open_clip model: the packaged default or `ARCHITECTURE/PRETRAINED`
            (`TASTESPACE_IMAGE_ENCODER`).
    """

    data: Path = ROOT / "data" / "cache"
    qdrant_url: str | None = None
    qdrant_api_key: str | None = None
    text_encoder: str = DEFAULT_TEXT_ENCODER
    image_encoder: str = DEFAULT_IMAGE_ENCODER

    @classmethod
    def from_env(cls, environ: dict[str, str] | None = None) -> "Settings":
        """Reads the environment; an empty variable counts as not set."""
        env = os.environ if environ is None else environ
        return cls(
            data=Path(env.get("TASTESPACE_DATA") or cls.data).expanduser().resolve(),
            qdrant_url=env.get("QDRANT_URL") or None,
            qdrant_api_key=env.get("QDRANT_API_KEY") or None,
            text_encoder=env.get("TASTESPACE_TEXT_ENCODER") or cls.text_encoder,
            image_encoder=env.get("TASTESPACE_IMAGE_ENCODER") or cls.image_encoder,
        )

    @property
    def downloads(self) -> Path:
        """Folder of verified downloads."""
        return self.data / "downloads"

    @property
    def catalogs(self) -> Path:
        """Folder with one sub-folder a built catalog."""
        return self.data / "catalogs"
