from .locations import Locations as Locations
