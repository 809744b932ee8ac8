"""Why is it silent: what was observed becomes findings, each with its fix. Free of ROS."""
