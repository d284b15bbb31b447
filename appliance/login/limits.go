package login

import "time"

// What is remembered of credentials already checked.
const (
	maxVerified = 256            // credentials known to be right
	maxWrong    = 1024           // credentials known to be wrong
	verifiedFor = 12 * time.Hour // since the hash was computed
	wrongFor    = 12 * time.Hour
)

// FactorsValue is the name of the record of an account's own in which package
// session keeps its second factors. Without it the password is enough.
const FactorsValue = "factors"

// Web is the service of the page, the one that can ask for second factors.
const Web = "web"
