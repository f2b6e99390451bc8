"""Which language a catalog seems to be in, and which ones a text encoder knows.

Common words decide between languages in Latin letters, and the letters themselves between scripts. That is enough to
warn: an encoder that does not know a language gives vectors all the same, and their neighbours mean nothing.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from recsys.settings import DEFAULT_TEXT_ENCODER

COMMON = {
    "English": "the and of with for in is a to from by on at this your",
    "German": "der die das und mit für ist ein eine von den im auf zu nicht aus des dem",
    "French": "le la les et des avec pour est un une du dans sur au en pas ce",
    "Spanish": "el la los las y con para es un una del en por que al su",
    "Italian": "il lo gli e con per è un una di che del della nel sono",
    "Portuguese": "o os as e com para é um uma do da em por que não",
    "Dutch": "de het een en met voor is van op niet te uit aan dat",
    "Swedish": "och med för är en ett av på som inte till det den",
    "Polish": "i w z na do nie się jest dla od po",
    "Turkish": "ve bir için ile bu da de olarak çok",
}
SCRIPTS = {
    "CYRILLIC": "a language in Cyrillic letters",
    "GREEK": "Greek",
    "HEBREW": "Hebrew",
    "ARABIC": "a language in Arabic letters",
    "DEVANAGARI": "a language in Devanagari letters",
    "THAI": "Thai",
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Chinese or Japanese",
}
_MANY = re.compile(
    r"multilingual|labse|bge-m3|xlm|distiluse|m-clip|mclip|e5-.*-multi|gte-multi|jina-embeddings-v3", re.I
)
_SETS = {language: frozenset(words.split()) for language, words in COMMON.items()}
_ENOUGH = 20
"""Fewer common words than this decide nothing: titles alone often have hardly any."""


def known_to(encoder: str) -> str:
    """What is known of the languages of a text encoder, in a few words."""
    if encoder == DEFAULT_TEXT_ENCODER:
        return "English"
    return "many languages" if _MANY.search(encoder) else ""


def language_of(texts: Sequence[str]) -> str:
    """The language that most texts seem to be in; empty where nothing tells."""
    letters = Counter(_script(c) for text in texts for c in text[:200] if c.isalpha())
    total = sum(letters.values())
    if not total:
        return ""
    other = {script: n for script, n in letters.items() if script in SCRIPTS}
    if sum(other.values()) > 0.3 * total:
        if other.get("HIRAGANA", 0) + other.get("KATAKANA", 0) > 0.05 * total:
            return SCRIPTS["HIRAGANA"]
        return SCRIPTS[max(other, key=lambda script: (other[script], script))]
    words = Counter(word for text in texts for word in re.findall(r"[^\W\d_]+", text.lower()))
    hits = {language: sum(words[word] for word in own) for language, own in _SETS.items()}
    best = max(hits, key=lambda language: (hits[language], language == "English"))
    certain = hits[best] >= max(_ENOUGH, 0.02 * words.total())
    return best if certain and (best == "English" or hits[best] > 1.5 * hits["English"]) else ""


def warning(texts: Sequence[str], encoder: str) -> str:
    """A sentence where an encoder does not seem to know the language of some texts; else empty."""
    language, known = language_of(texts), known_to(encoder)
    if not language or known == "many languages" or language == known:
        return ""
    if not known:
        return (
            f"The texts look like {language}. Which languages {encoder} knows cannot be told from here: make sure that "
            "this is one of them, or the recommendations mean nothing."
        )
    return (
        f"The texts look like {language}, and the text encoder {encoder} knows {known} only: what it recommends by "
        "words would be close to noise. Name a multilingual one, such as --text-encoder "
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2."
    )


def _script(letter: str) -> str:
    return "LATIN" if letter < "\u0250" else unicodedata.name(letter, "").split(" ")[0]
