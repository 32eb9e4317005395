"""One module per kind of pipeline that a request to retrain can go to."""
