"""Which language a catalog seems to be in, and which ones a text encoder knows.

`py3langid` tells languages apart, by the letters that follow each other; its model comes with it, and nothing leaves
this machine. A title alone is too short to be told by, so texts are read together, some at a time. That is enough to
warn: an encoder that does not know a language gives vectors all the same, and their neighbours mean nothing.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from recsys.errors import MissingExtra
from recsys.settings import DEFAULT_TEXT_ENCODER

# fmt: off
LANGUAGES = {
    "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian",
    "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "ga": "Irish", "gl": "Galician", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada", "ko": "Korean",
    "ky": "Kyrgyz", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mk": "Macedonian", "ml": "Malayalam",
    "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "my": "Burmese", "ne": "Nepali", "nl": "Dutch",
    "no": "Norwegian", "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian",
    "ur": "Urdu", "uz": "Uzbek", "vi": "Vietnamese", "zh": "Chinese",
}
# fmt: on
"""The languages that are told apart. The library knows more; among many small ones a short English title looks like one
of them now and then."""
TOGETHER = 25
"""Texts that are read together. Of groups of 8 titles of the built catalogs' items, 1 in 100 looks like another
language, of groups of 25 none."""
READ = 200
"""Characters of a text that are looked at."""
LIKELY, HARDLY = 0.5, 0.02
"""How likely the language of a group has to be, and, where that is another one, how unlikely English."""
_MANY = re.compile(
    r"multilingual|labse|bge-m3|xlm|distiluse|m-clip|mclip|e5-.*-multi|gte-multi|jina-embeddings-v3", re.I
)


def known_to(encoder: str) -> str:
    """What is known of the languages of a text encoder, in a few words."""
    if encoder == DEFAULT_TEXT_ENCODER:
        return "English"
    return "many languages" if _MANY.search(encoder) else ""


def language_of(texts: Sequence[str]) -> str:
    """The language that most texts seem to be in; empty where nothing tells.

    Raises:
        MissingExtra: the library is not installed.
    """
    told = [text[:READ].lower() for text in texts if any(map(str.isalpha, text[:READ]))]
    groups = [told[start : start + TOGETHER] for start in range(0, len(told), TOGETHER)]
    if len(groups) > 1 and len(groups[-1]) < TOGETHER:
        rest = groups.pop()
        groups[-1] += rest
    found = Counter(map(_language_of_group, groups))
    (language, most), *_ = found.most_common(1) or [("", 0)]
    return language if 2 * most > len(groups) else ""


def _language_of_group(texts: Sequence[str]) -> str:
    likely = dict(_identifier().rank(". ".join(texts)))
    code = max(likely, key=likely.__getitem__)
    return LANGUAGES[code] if likely[code] > LIKELY and (code == "en" or likely["en"] < HARDLY) else ""


@cache
def _identifier():
    """The library with its model: a second, and only for who checks an import."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"Telling languages apart needs the Python package {error.name}, which is not installed.",
            "Install what is needed: pip install -r requirements.txt",
        ) from error
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier


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
