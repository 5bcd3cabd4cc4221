// The answer to a form that the browser does not keep: going back, or loading it anew, asks for its address instead
// of showing an error, and sends nothing twice.
history.replaceState(history.state, "", location.href);
