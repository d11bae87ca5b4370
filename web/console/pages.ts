/** The pages of the console, in one chunk that is fetched with the first of them. */
export { AppPage } from './app-page.tsx'
export { AppsPage } from './apps.tsx'
export { NewAppPage } from './new-app.tsx'
