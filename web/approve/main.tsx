import { render } from 'preact'
import lazy, { ErrorBoundary } from 'preact-iso/lazy'
import { LocationProvider, Route, Router } from 'preact-iso/router'
import { arrived } from '../ui/api.ts'
import { goTo, safePath } from '../ui/navigate.ts'
import { moreTexts } from '../ui/text.ts'
import { isInLanguage, opened } from './early.ts'
import { InboxPage } from './inbox.tsx'
import { NotFoundPage } from './not-found.tsx'
import { RequestPage } from './request.tsx'
import { SignInPage } from './sign-in.tsx'
import { reviewEarly } from './take-review.ts'

// The first load is for reading and deciding, on a cheap phone; these pages are opened seldom, and fetched then.
const later = <P,>(load: () => Promise<P>) => lazy(async () => (await Promise.all([load(), moreTexts()]))[0])
const AuthorizePage = later(() => import('./authorize.tsx').then((page) => page.AuthorizePage))
const HistoryPage = later(() => import('./history.tsx').then((page) => page.HistoryPage))
const TokensPage = later(() => import('./tokens.tsx').then((page) => page.TokensPage))
const EnrolPage = later(() => import('./enrol.tsx').then((page) => page.EnrolPage))
const RecoverPage = later(() => import('./recover.tsx').then((page) => page.RecoverPage))
const SecurityPage = later(() => import('./security.tsx').then((page) => page.SecurityPage))
const AlertsPage = later(() => import('../alerts/alerts.tsx').then((page) => page.AlertsPage))
const AppsPage = later(() => import('../console/pages.ts').then((page) => page.AppsPage))
const NewAppPage = later(() => import('../console/pages.ts').then((page) => page.NewAppPage))
const AppPage = later(() => import('../console/pages.ts').then((page) => page.AppPage))
const LinkPage = later(() => import('../links/pages.ts').then((page) => page.LinkPage))
const LinksPage = later(() => import('../links/pages.ts').then((page) => page.LinksPage))
const HealthPage = later(() => import('../operator/pages.ts').then((page) => page.HealthPage))
const ReviewsPage = later(() => import('../operator/pages.ts').then((page) => page.ReviewsPage))
const UsersPage = later(() => import('../operator/pages.ts').then((page) => page.UsersPage))
const UserPage = later(() => import('../operator/pages.ts').then((page) => page.UserPage))
const ClientsPage = later(() => import('../operator/pages.ts').then((page) => page.ClientsPage))
const EventsPage = later(() => import('../operator/pages.ts').then((page) => page.EventsPage))
const FeedbackPage = later(() => import('../operator/pages.ts').then((page) => page.FeedbackPage))
const OperatorSettingsPage = later(() => import('../operator/pages.ts').then((page) => page.SettingsPage))

function Pages() {
  return (
    <LocationProvider>
      <ErrorBoundary>
        <Router>
          <Route path="/" component={InboxPage} />
          <Route path="/r/:id" component={RequestPage} />
          <Route path="/tokens" component={TokensPage} />
          <Route path="/history" component={HistoryPage} />
          <Route path="/security" component={SecurityPage} />
          <Route path="/alerts" component={AlertsPage} />
          <Route path="/apps" component={AppsPage} />
          <Route path="/apps/new" component={NewAppPage} />
          <Route path="/apps/:id" component={AppPage} />
          <Route path="/apps/:id/:part" component={AppPage} />
          <Route path="/link" component={LinkPage} />
          <Route path="/link/:id" component={LinkPage} />
          <Route path="/links" component={LinksPage} />
          <Route path="/operator" component={HealthPage} />
          <Route path="/operator/reviews" component={ReviewsPage} />
          <Route path="/operator/users" component={UsersPage} />
          <Route path="/operator/users/:id" component={UserPage} />
          <Route path="/operator/apps" component={ClientsPage} />
          <Route path="/operator/events" component={EventsPage} />
          <Route path="/operator/feedback" component={FeedbackPage} />
          <Route path="/operator/settings" component={OperatorSettingsPage} />
          <Route path="/enrol" component={EnrolPage} />
          <Route path="/recover" component={RecoverPage} />
          <Route path="/sign-in" component={SignInPage} />
          <Route path="/authorize" component={AuthorizePage} />
          <Route default component={NotFoundPage} />
        </Router>
      </ErrorBoundary>
    </LocationProvider>
  )
}

/** As long as a skeleton stays unseen. */
const A_MOMENT_MS = 300
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const inHand = (id: string) => Promise.all([arrived(`/v1/me/requests/${id}`), reviewEarly(id)])

// A tap on a notice while a page is open: the worker names the request, and this page opens it.
navigator.serviceWorker?.addEventListener('message', ({ data }) => goTo(safePath(data?.open)))

// What is there in a moment is drawn at once, and not first without it.
if (opened) await Promise.race([inHand(opened), pause(A_MOMENT_MS)])
await isInLanguage
render(<Pages />, document.getElementById('app') as HTMLElement)
