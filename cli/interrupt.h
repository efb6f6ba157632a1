// Ctrl-C and SIGTERM as a flag, so that a command can end cleanly: flush, commit, say what it did.
//
// Threads: any.
#pragma once

namespace penstock::cli {

// From now on the signals set the flag and interrupt a blocking read; a second one ends the program.
void catch_interrupts();
bool is_interrupted();

}  // namespace penstock::cli
