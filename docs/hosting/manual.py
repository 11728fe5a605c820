"""Manual pages out of what the commands say of themselves with --help.

`pico COMMAND --help` has an overview, a line of usage, and sections whose items stand two columns in and their texts further in. A page is
that, in the macros of man(7), with what man pages have besides.
"""

import os
import re
import subprocess

EXIT_CODES = [
    ("0", "done"), ("64", "the command line is wrong"), ("65", "what was given or what came back is not what it should be"),
    ("69", "what was asked for cannot be reached"), ("70", "a bug"), ("77", "refused: no token, a wrong one, or no right to this"),
    ("78", "the configuration is wrong, or a file or address that it names cannot be used"),
]


def help_of(binary, *words):
    wide = {**os.environ, "COLUMNS": "400"}
    return subprocess.run([binary, *words, "--help"], check=True, capture_output=True, text=True, env=wide).stdout


def subcommands(text):
    """The names under SUBCOMMANDS."""
    part = text.partition("\nSUBCOMMANDS:\n")[2]
    return re.findall(r"^  ([a-z][a-z-]*)(?: \(default\))?(?:  |$)", part, re.M)


def escape(text):
    """For roff: backslashes, hyphens that are to be typed, and what would be a request at the beginning of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + text if text.startswith((".", "\\(aq")) else text


def paragraphs(lines):
    """Text as it flows; what has columns or is indented stays as it is."""
    out = []
    for block in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        rows = block.split("\n")
        is_laid_out = any(re.search(r"\S {2,}\S", row) or row.startswith(" ") for row in rows)
        if is_laid_out:
            out += [".PP", ".nf", *[escape(row) for row in rows], ".fi"]
        else:
            out += [".PP", *[escape(row) for row in rows]]
    return out


def items(lines):
    """Options and the like: two columns in what it is, behind two spaces or on lines further in what it does."""
    out = []
    for line in lines:
        if re.match(r"  \S", line):
            # The text begins in column 26 where the head leaves room for it, however narrow.
            is_tight = line[25:26] == " " and line[26:27] not in ("", " ") and "<" in line[:25]
            head, text = (line[:25].strip(), line[26:]) if is_tight else line.strip().partition("  ")[::2]
            out += [".TP", f"\\fB{escape(head)}\\fR"]
            if text.strip():
                out.append(escape(text.strip()))
        elif line.strip():
            out.append(escape(line.strip()))
    return out


def see_also(lines):
    """Without what man has another way for."""
    return [line for line in lines if not re.match(r"\s+See '", line)]


def page(name, text, related, version, date, files):
    """One page of section 1. `text` is the help; the first sentence of its overview becomes the NAME line."""
    sections = re.split(r"^(OVERVIEW|USAGE|(?<=\n\n)[A-Z][A-Za-z ]*(?=:\n)):(?: |\n)", text, flags=re.M)
    parts = dict(zip(sections[1::2], [part.strip("\n").split("\n") for part in sections[2::2]]))
    overview = parts.pop("OVERVIEW", [""])
    usage = parts.pop("USAGE", [name])
    first, rest = [], list(overview)
    while rest and rest[0].strip():
        first.append(rest.pop(0))
    abstract = " ".join(first).strip().rstrip(".")
    # What stands below the usage and above the first section belongs to the description.
    synopsis = []
    while usage and usage[0].strip():
        synopsis.append(usage.pop(0).strip())
    out = [f'.TH "{name.upper()}" 1 "{date}" "Pico {version}" "Pico"', ".nh", ".ad l", ".SH NAME", f"{escape(name)} \\- {escape(abstract)}"]
    out += [".SH SYNOPSIS"]
    for line in synopsis:
        out += [f"\\fB{escape(line)}\\fR", ".br"]
    description = [*rest, "", *usage]
    if any(line.strip() for line in description):
        out += [".SH DESCRIPTION", *paragraphs(description)]
    else:
        out += [".SH DESCRIPTION", ".PP", escape(abstract) + "."]
    for title, lines in parts.items():
        out += [f".SH {title.upper()}", *items(see_also(lines))]
    out += [".SH EXIT STATUS"]
    for code, meaning in EXIT_CODES:
        out += [".TP", f"\\fB{code}\\fR", escape(meaning)]
    if files:
        out += [".SH FILES"]
        for path, meaning in files:
            out += [".TP", f"\\fI{escape(path)}\\fR", escape(meaning)]
    out += [".SH SEE ALSO", ", ".join(f"\\fB{escape(other)}\\fR(1)" for other in related) + ".", ".PP",
            "The documentation in \\fI/usr/share/doc/pico\\fR."]
    return "\n".join(out) + "\n"


FILES = {
    "pico-server": [("/etc/pico/server.yaml", "the configuration of pico-server.service")],
    "pico-agent": [("/etc/pico/agents/NAME.yaml", "the configuration of pico-agent@NAME.service")],
    "pico-top": [("~/.config/pico/top.yaml", "settings"), ("/usr/share/pico/themes", "themes; more are looked for in ~/.config/pico/themes")],
}


def pages(pico, pico_top, version, date):
    """Names and texts of the pages: of pico and each of its commands, and of pico-top."""
    helps = {"pico": help_of(pico)}
    for command in subcommands(helps["pico"]):
        if command == "help":
            continue
        text = help_of(pico, command)
        helps[f"pico-{command}"] = text
        for inner in subcommands(text):
            helps[f"pico-{command}-{inner}"] = help_of(pico, command, inner)
    top = help_of(pico_top)
    names = sorted(helps)
    out = {}
    for name, text in helps.items():
        if name == "pico":
            related = names[1:] + ["pico-top"]
        else:
            parent = name.rpartition("-")[0]
            related = [parent] + [other for other in names if other.startswith(name + "-")] + ["pico-top"]
        out[name] = page(name, text, related, version, date, FILES.get(name))
    out["pico-top"] = page("pico-top", top, ["pico", "pico-status", "pico-disconnect"], version, date, FILES["pico-top"])
    return out
