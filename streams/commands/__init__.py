"""The commands, one module each; heavy imports happen inside them, so that `petawatch --help` is quick."""
