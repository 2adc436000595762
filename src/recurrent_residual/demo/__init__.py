"""The embedded demo data set: made videos in the UCF-101 layout, and still images to pretrain a backbone on."""

# Here, not in `scenes`, because the Snakefile reads them each time it is parsed, and must not load NumPy for it.
CLASSES = (
    "BallFalls",
    "BallRises",
    "CrossDrifts",
    "RingGrows",
    "RingShrinks",
    "SquareSpins",
    "StripesDrift",
    "TriangleSpins",
)
