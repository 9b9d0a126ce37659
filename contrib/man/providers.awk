# SPDX-License-Identifier: Apache-2.0
# Writes the section PROVIDERS of hookswitch-events(7): of each README of a source plugin that is named on the
# command line, what it says of events. That part begins with the paragraph that starts with "Events", or ends
# with "Events:", or with "The maps that come with it"; it ends before the next heading.
function is_begin(line) {
	return line ~ /^Events/ || line ~ / Events:$/ || line ~ /^The maps that come with it/
}
# A line of the page that no part of is markup.
function quoted(line) {
	gsub(/\\/, "\\e", line)
	return line ~ /^[.']/ ? "\\&" line : line
}
function end_display() {
	if (in_display)
		print ".Ed"
	in_display = 0
}
FNR == 1 {
	end_display()
	is_here = blank = has_begun = 0
	print ".Ss " quoted($0)
	next
}
is_begin($0) { is_here = 1 }
/^(Good to know|What is put in order|WAState and reasons)/ { is_here = 0 }
!is_here { next }
/^$/ { blank++; next }
/^ / {
	if (!in_display) {
		print ".Bd -literal"
		in_display = has_begun = 1
		blank = 0
	}
	while (blank-- > 0)
		print ""
	blank = 0
	print quoted(substr($0, 5))
	next
}
{
	end_display()
	if (blank > 0 && has_begun)
		print ".Pp"
	blank = 0
	has_begun = 1
	gsub(/\. /, ".\n")
	print quoted($0)
}
END { end_display() }
