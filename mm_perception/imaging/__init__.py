"""Pure functions on pictures: NumPy and OpenCV, no ROS, no torch."""
