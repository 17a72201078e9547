//! The lane of x86_64 with a load balancer.
