"""Everything that knows ROS 2: transport, conversion, nodes, clocks, transforms."""
