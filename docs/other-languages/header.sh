curl --fail --silent --header "Livecov-Test: checkout" "$LIVECOVERAGE_URL/page/one"
