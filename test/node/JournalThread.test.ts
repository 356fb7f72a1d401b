/**
 * The journal of Node with its thread is the one of the platform, only faster: the same suites.
 */
import "./support/journalOnThread.js"
import "../lifecycle/Journal.test.js"
import "../lifecycle/JournalFiles.test.js"
import "../lifecycle/JournalFormat.test.js"
import "../lifecycle/JournalProcesses.test.js"
