"""Large structured functions: arrays as blocks of numbered elements, and the few cells that all outputs are made of."""
