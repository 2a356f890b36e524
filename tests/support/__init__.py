"""What tests of several rooms share: processes on free ports, a running paper platform."""
