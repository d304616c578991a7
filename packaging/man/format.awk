# Turns a part of what --help prints, or the example configuration, into man(7): -v what=PART.

function escaped(text) {
  gsub(/\\/, "\\e", text)
  gsub(/-/, "\\-", text)
  if (text ~ /^[.']/) text = "\\&" text
  gsub(/\n'/, "\n\\\\\\&'", text)  # the lines of several
  gsub(/\n[.]/, "\n\\\\\\&.", text)
  return text
}
function bold(word) { return word == "" ? "" : "\\fB" escaped(word) "\\fR" }
function italic(word) { return word == "" ? "" : "\\fI" escaped(word) "\\fR" }

# Words in capitals stand for something; the others are typed as they are.
function synopsis(text,    words, count, i, word, before, after, out) {
  count = split(text, words, " ")
  for (i = 1; i <= count; ++i) {
    word = words[i]; before = after = ""
    if (word ~ /^\[/) { before = "["; word = substr(word, 2) }
    if (word ~ /\]$/ && (before == "[" || word !~ /\[/)) {
      after = "]"; word = substr(word, 1, length(word) - 1)
    }
    out = out (i > 1 ? " " : "") before (word ~ /[A-Z]/ ? italic(word) : bold(word)) after
  }
  return out
}
function item(term, text) { print ".TP\n" term; if (text != "") print escaped(text) }

# An option's line: what stands before two spaces is its name.
function option(line,    at, name) {
  sub(/^ +/, "", line)
  at = match(line, /  /)
  name = at ? substr(line, 1, at - 1) : line
  sub(/^.*  +/, "", line)
  gsub(/, /, " ", name)
  item(synopsis(name), at ? line : "print that and end")
}

what == "daemon-options" && /^SIGTERM/ { exit }
what == "daemon-options" && /^[A-Z].*:$/ { sub(/:$/, ""); print ".SS " escaped($0); inside = 1; next }
what == "daemon-options" && inside && /^  --/ {
  # The text begins in one column, also where the name leaves one space before it.
  match($0, /^  --[a-z-]+( [A-Z][A-Z0-9:=,.@-]*| [a-z]+(\|[a-z]+)+)?/)
  name = substr($0, 3, RLENGTH - 2); text = substr($0, RLENGTH + 1)
  sub(/^ +/, "", text)
  item(synopsis(name), text)
  next
}
what == "daemon-options" && inside && NF { sub(/^ +/, ""); print escaped($0) }

what == "exit-codes" && /^ +[0-9]+  / {
  code = $1; sub(/^ +[0-9]+ +/, ""); item(bold(code), $0)
}

what == "common-options" && /^Options of every verb/ { inside = 1; next }
what == "common-options" && /^$/ { inside = 0 }
what == "common-options" && inside && /^  / { option($0) }

# The synopsis, the summary, options, details; the options of every verb are elsewhere.
what == "verb" && NR == 1 { sub(/^settle /, ""); print ".TP\n" synopsis($0); next }
what == "verb" && NR == 2 { print escaped(toupper(substr($0, 1, 1)) substr($0, 2)) "."; next }
what == "verb" && /^Options of every verb/ { exit }
what == "verb" && NF && !inset { print ".RS"; inset = 1 }
what == "verb" && /^  --/ { option($0); next }
what == "verb" && NF { if (!detailed++) print ".PP"; print escaped($0) }
END { if (inset) print ".RE" }

# A heading is a line of #; an option is a paragraph of comments and its `name = value`.
what == "configuration" && /^### / { gsub(/#/, ""); gsub(/^ +| +$/, ""); print ".SS " escaped($0); begun = 1; text = ""; next }
what == "configuration" && begun && /^#?[a-z-]+ = / {
  sub(/^#/, ""); at = index($0, " = ")
  item(bold(substr($0, 1, at - 1)) " = " escaped(substr($0, at + 3)), text)
  text = ""; next
}
what == "configuration" && begun && /^# / { text = text (text == "" ? "" : "\n") substr($0, 3); next }
what == "configuration" && begun && /^$/ { if (text != "") print escaped(text); text = "" }
