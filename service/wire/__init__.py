"""Messages against plain data: pure conversions, in pairs ``x_to_pb`` and ``x_from_pb``.

What comes in is checked here, once: whoever receives the plain data can rely on it. A pair loses
nothing, except that a structure's whole numbers come back as int, as JSON has it.
"""
