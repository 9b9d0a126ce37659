# configuration samples
