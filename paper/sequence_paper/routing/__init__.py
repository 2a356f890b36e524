"""Where an order is cheapest: books with fees, grids, minima and balances, and pools with gas. Pure, all integers."""

from sequence_paper.routing.model import Alternative as Alternative
from sequence_paper.routing.model import Decision as Decision
from sequence_paper.routing.model import Leg as Leg
from sequence_paper.routing.model import PoolView as PoolView
from sequence_paper.routing.model import Venue as Venue
from sequence_paper.routing.pool import Pool as Pool
from sequence_paper.routing.pool import gas_cost_1e9 as gas_cost_1e9
from sequence_paper.routing.router import route as route
from sequence_paper.routing.wire import decision_row as decision_row
