"""The embedded demo data set: made videos in the UCF-101 layout, and still images to pretrain a backbone on."""
