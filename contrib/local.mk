# man pages, bench, demo
