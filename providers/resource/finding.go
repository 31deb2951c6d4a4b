package resource

// Finding is one thing that can be told of how something is set up. It holds no secret.
type Finding struct {
	Name  string // what it is about, such as "login"
	Value string // what was found; empty if that is all there is to say, or if it is missing
	From  string // where the value comes from, such as a file, a variable or "default"; empty if it was found out

	Err   error // what is missing or wrong, and what to do about it
	Minor bool  // of an Err: what is declared now does not need it
}
