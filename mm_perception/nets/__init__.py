"""The networks, pure torch: no ROS, no plugin contract."""
