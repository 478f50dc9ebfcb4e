# plugins-api
