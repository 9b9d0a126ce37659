# The library that every source uses; see canon.h.
