# What lies around the program: demo, bench, man pages.
include contrib/bench/local.mk
