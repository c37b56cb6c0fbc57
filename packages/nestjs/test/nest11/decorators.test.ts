// The same tests, on the version of this folder.
import '../decorators.test.ts'
