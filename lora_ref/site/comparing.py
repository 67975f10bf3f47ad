"""Words that compare, and so state something that a test has to hold up. One list, in one place.

A comparison stands in a claim, `[…]{.claim #name}`; one that states no measured or computed relation
says so on the line before: `<!-- no-claim: reason -->`.
"""

import re

NUMBERS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|fifty|hundred|thousand|million"
COMPARATIVES = (
    "more|less|fewer|lower|higher|better|worse|faster|slower|larger|smaller|bigger|cheaper|dearer|greater|longer|shorter|closer|"
    "farther|stronger|weaker|earlier|later|easier|harder|thinner|wider|lighter|heavier|deeper|steeper|sooner"
)
AMOUNTS = "more|less|fewer|lower|higher|better|worse|larger|smaller"
SUPERLATIVES = (
    "best|worst|lowest|highest|fastest|slowest|largest|smallest|biggest|cheapest|fewest|least|shortest|longest"
)
ADJECTIVES = (
    "good|bad|fast|slow|large|small|big|much|many|little|few|high|low|cheap|long|short|close|accurate|well|strong"
)

# A mark shows as \ue010 characters in the text that is searched.
PATTERNS = (
    r"half(?!-)|halves|halved|halving|twice|thrice|doubles?|doubled|doubling|triples?|tripled|quadrupled?|(?:two|three|ten|hundred)-?fold",
    # Fractions and no ordinals: "a third of", "two thirds", not "the third step", "a quarter turn".
    r"(?:an?|one|two|three|four|nine)[ "
    r"-](?:third|quarter|fourth|fifth|sixth|eighth|tenth|hundredth|thousandth)s?(?!\s+turn)",
    rf"(?:{NUMBERS}|\ue010)\s+times(?!\s+(?:a|an|each|per|in)\b)|times\s+(?:as|more|less|fewer|the|{COMPARATIVES})",
    # "more … than", at most four words apart, and "more rank reads more digits".
    rf"(?:{COMPARATIVES})(?:\s+(?!than\b)[\w'’$*-]+){{0,4}}?\s+than",
    rf"(?:{AMOUNTS})\s+(?!or\b|and\b)[^.;:?]{{1,40}}?\s(?:{AMOUNTS})",
    rf"no\s+(?:{COMPARATIVES}|different)",
    rf"as\s+(?:{ADJECTIVES})(?:\s+(?!as\b)[\w-]+){{0,3}}?\s+as",
    r"the\s+same(?:\s+(?!as\b)[\w-]+){0,3}?\s+as|just\s+as\s+\w+|at\s+least\s+as|as\s+many|as\s+much",
    rf"(?:{SUPERLATIVES})|the\s+most|most\s+of|at\s+most",
    r"within\b[^.;]{0,60}?\bof",
    r"exceeds?|exceeded|outperforms?|outperformed|beats?|surpass(?:es|ed)?|nearly\s+all|almost\s+all",
)
COMPARING = re.compile("|".join(rf"(?<!\w)(?:{pattern})(?!\w)" for pattern in PATTERNS), re.I)
# Idioms that hold such a word and compare nothing.
IDIOMS = re.compile(
    r"as\s+well\s+as|at\s+least(?!\s+as)|(?:half|double)\s+precision|best\s+practices?|at\s+best|double[- "
    r"]click|sooner\s+or\s+later|"
    r"no\s+longer|no\s+more(?!\s+than)|as\s+long\s+as|as\s+\w+\s+as\s+possible|least\s+squares|within\s+reach\s+of",
    re.I,
)


def comparisons(text: str) -> list[tuple[int, str]]:
    """(place, words) of every comparison in the text of one paragraph."""
    idioms = [(match.start(), match.end()) for match in IDIOMS.finditer(text)]
    found = []
    for match in COMPARING.finditer(text):
        if not any(start <= match.start() and match.end() <= end for start, end in idioms):
            found.append((match.start(), " ".join(match[0].replace("\ue010", "").split())))
    return found
