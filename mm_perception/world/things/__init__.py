"""Things that a scene is made of, each in several families of shape."""

from collections.abc import Callable

from mm_perception.world.scene import Motion, Thing
from mm_perception.world.things import (
    furniture,
    more_cars,
    more_furniture,
    more_household,
    more_lorries,
    more_obstacles,
    obstacles,
    people,
    vehicles,
)
from mm_perception.world.things.families import Families
from mm_perception.world.variety import Dice

Maker = Callable[[Dice, str, Motion], Thing]

#: Class name to what makes one of a colour.
MAKERS: dict[str, Maker] = {
    'car': vehicles.car,
    'van': vehicles.van,
    'truck': vehicles.truck,
    'bus': vehicles.bus,
    'cyclist': people.cyclist,
    'pedestrian': people.pedestrian,
    'person': people.person,
    'cone': obstacles.cone,
    'barrier': obstacles.barrier,
    'ball': obstacles.ball,
    'crate': obstacles.crate,
    'table': furniture.table,
    'chair': furniture.chair,
    'sofa': furniture.sofa,
    'lamp': furniture.lamp,
    'fridge': furniture.fridge,
    'cup': furniture.cup,
    'plant': furniture.plant,
    'television': furniture.television,
}
#: Class name to the families that only worlds of the split `varied` show.
VARIED: dict[str, Families] = {
    **more_cars.FAMILIES,
    **more_lorries.FAMILIES,
    **more_obstacles.FAMILIES,
    **more_furniture.FAMILIES,
    **more_household.FAMILIES,
}

__all__ = ['MAKERS', 'VARIED', 'Maker']
