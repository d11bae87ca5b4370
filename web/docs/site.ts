import './site.css'
import { addCopyButtons, groupLanguages } from './code.ts'
import { offerFeedback } from './feedback.ts'
import { startSearch } from './search.ts'

// Every page reads whole without this script; it adds what a page of paper cannot do.
groupLanguages()
addCopyButtons()
startSearch()
offerFeedback()
