/**
 * The journal of Node is the one of the platform, only faster: the same suites.
 */
import "./support/journalOnNode.js"
import "../lifecycle/Journal.test.js"
import "../lifecycle/JournalFiles.test.js"
import "../lifecycle/JournalFormat.test.js"
import "../lifecycle/JournalProcesses.test.js"
