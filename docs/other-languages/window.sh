# A test is what happens between two requests: the application's clients need no change.
curl --fail --silent --get --data-urlencode "name=checkout of a tea" "$LIVECOVERAGE_URL/__coverage__/start" >/dev/null

curl --fail --silent "$LIVECOVERAGE_URL/page/one" >/dev/null

curl --fail --silent "$LIVECOVERAGE_URL/__coverage__/stop"
